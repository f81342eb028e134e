import { BaseSequencer, type TestSpecification } from 'vitest/node';

/**
 * Projects by the duration of their slowest file, longest first: a long file at the end would make the whole run
 * longer.
 */
const ORDER = ['browser', 'process', 'judges', 'postgres', 'external', 'embedded', 'doors', 'quick', 'pure'];

const placeOf = ({ project }: TestSpecification) => ORDER.indexOf(project.name);

/** Orders the projects by `ORDER`. Within a project Vitest's own order holds: slowest file first, by an earlier run. */
export class SlowestFirst extends BaseSequencer {
  override async sort(specifications: TestSpecification[]) {
    const sorted = await super.sort(specifications);
    return sorted.sort((a, b) => placeOf(a) - placeOf(b));
  }
}
