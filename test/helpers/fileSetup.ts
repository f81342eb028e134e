import { watchFileEnd } from './fileEnd.ts';

// Vitest runs this before each test file.
watchFileEnd();
