import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { instance } from '@viz-js/viz';

const DOCS = resolve(import.meta.dirname, '../../docs');
export const PICTURE_FILE = resolve(DOCS, 'architecture.svg');

/**
 * Colours by the class of a node, an edge or a box. Readers with a light and with a dark theme each get a fitting
 * ground.
 */
const STYLE = `
  svg { --ground: #fff; --room: #f6f7f9; --ink: #1b1f24; --dim: #59636e; --line: #c5ccd3; --accent: #1f6feb; --node: #fff; }
  @media (prefers-color-scheme: dark) {
    svg { --ground: #0d1117; --room: #161b22; --ink: #e6edf3; --dim: #9198a1; --line: #3d444d; --accent: #58a6ff; --node: #0d1117; }
  }
  text { font: 12px system-ui, Helvetica, Arial, sans-serif; fill: var(--ink); }
  .graph > polygon { fill: var(--ground); stroke: none; }
  .cluster polygon, .cluster path { fill: none; stroke: var(--line); }
  .cluster.room polygon, .cluster.room path { fill: var(--room); }
  .cluster.database polygon { stroke: var(--dim); stroke-dasharray: 4 3; }
  .cluster text { font-weight: 600; }
  .node path, .node polygon { fill: var(--node); stroke: var(--line); }
  .node.main path { stroke: var(--accent); }
  .node.caller path { fill: var(--room); }
  .edge path { stroke: var(--dim); }
  .edge polygon { fill: var(--dim); stroke: var(--dim); }
  .edge.path path { stroke: var(--accent); stroke-width: 1.6; }
  .edge.path polygon { fill: var(--accent); stroke: var(--accent); }
  .edge text { fill: var(--dim); font-size: 11px; }
`;

/**
 * Draws docs/architecture.dot as SVG. Graphviz compiled to WebAssembly needs no installation and gives the same SVG on
 * every machine.
 */
export async function drawPicture(): Promise<string> {
  const source = await readFile(resolve(DOCS, 'architecture.dot'), 'utf8');
  const viz = await instance();
  const svg = viz.renderString(source, { format: 'svg' });
  return svg
    .slice(svg.indexOf('<svg'))
    .replace(/>/, `>\n<style>${STYLE}</style>`)
    .replace(/ font-(?:family|size)="[^"]*"/g, '');
}
