import { writeFile } from 'node:fs/promises';
import { drawPicture, PICTURE_FILE } from './helpers/picture.ts';

/** Draws docs/architecture.svg anew: `npm run picture`, after a change of docs/architecture.dot. */
await writeFile(PICTURE_FILE, await drawPicture());
