import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Projects by how long their slowest file takes: the run ends soonest where no long file is left for its end. */
const ORDER = ['browser', 'process', 'judges', 'postgres', 'external', 'embedded', 'doors', 'pure'];

const placeOf = ({ project }: TestSpecification) => ORDER.indexOf(project.name);

/** Vitest's order of files within a project (the slowest first, once a run has told), and `ORDER` among projects. */
export class SlowestFirst extends BaseSequencer {
  override async sort(specifications: TestSpecification[]) {
    const sorted = await super.sort(specifications);
    return sorted.sort((a, b) => placeOf(a) - placeOf(b));
  }
}
