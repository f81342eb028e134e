import {
  type BinaryOperationNode,
  ColumnNode,
  type KyselyPlugin,
  type OperationNode,
  OperationNodeTransformer,
  RawNode,
  ReferenceNode,
} from 'kysely';

/** An equation of raw SQL: all of its left side, up to the parameter that is its right one. */
const RAW_EQUATION = /(?:\w+\.)?organization_id\s*=\s*$/;

/** Takes every `organization_id = …` out of a query: one wall of the two. */
class Unscoping extends OperationNodeTransformer {
  protected override transformBinaryOperation(node: BinaryOperationNode): BinaryOperationNode {
    const { leftOperand } = node;
    const column = ReferenceNode.is(leftOperand) ? leftOperand.column : undefined;
    if (column && ColumnNode.is(column) && column.column.name === 'organization_id') {
      return RawNode.createWithSql('true') as OperationNode as BinaryOperationNode;
    }
    return super.transformBinaryOperation(node);
  }

  protected override transformRaw(node: RawNode): RawNode {
    const { sqlFragments, parameters } = super.transformRaw(node);
    const fragments: string[] = [sqlFragments[0] ?? ''];
    const kept: OperationNode[] = [];
    parameters.forEach((parameter, index) => {
      const next = sqlFragments[index + 1] ?? '';
      const last = fragments.length - 1;
      const before = fragments[last] ?? '';
      if (RAW_EQUATION.test(before)) fragments[last] = before.replace(RAW_EQUATION, 'true') + next;
      else {
        fragments.push(next);
        kept.push(parameter);
      }
    });
    return RawNode.create(fragments, kept);
  }
}

const transformer = new Unscoping();

/** For Kysely of a test that switches the scoping off. What is compiled under it once stays so in that process. */
export const unscoped: KyselyPlugin = {
  transformQuery: ({ node, queryId }) => transformer.transformNode(node, queryId),
  transformResult: async ({ result }) => result,
};
