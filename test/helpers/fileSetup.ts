import { watchFileEnd } from './fileEnd.ts';

// Vitest runs this file before each test file.
watchFileEnd();
