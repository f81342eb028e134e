import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';

const README = resolve(import.meta.dirname, '../../README.md');

/** The blocks of code below a heading of the README's recipes, as they stand, each with its language. */
export async function readRecipe(heading: string): Promise<{ language: string; code: string }[]> {
  const [, recipes = ''] = (await readFile(README, 'utf8')).split('\n## Recipes\n');
  const [section = ''] = (recipes.split('\n## ')[0] ?? '')
    .split('\n### ')
    .filter((each) => each.startsWith(`${heading}\n`));
  return [...section.matchAll(/^```(\w+)\n(.*?)^```$/gms)].map(([, language = '', code = '']) => ({ language, code }));
}
