import {
  type BinaryOperationNode,
  ColumnNode,
  type KyselyPlugin,
  type OperationNode,
  OperationNodeTransformer,
  RawNode,
  ReferenceNode,
} from 'kysely';

/**
 * The end of raw SQL in front of a parameter: `c.organization_id = `. The pattern matches the left side and the equals
 * sign.
 */
const RAW_EQUATION = /(?:\w+\.)?organization_id\s*=\s*$/;

/**
 * Replaces every condition `organization_id = …` of a query with `true`. The condition is the first of two walls
 * between organizations; the policies are the second wall.
 */
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

/**
 * A Kysely plugin for tests without the scoping. A prepared query that was compiled under the plugin stays unscoped for
 * the rest of the process.
 */
export const unscoped: KyselyPlugin = {
  transformQuery: ({ node, queryId }) => transformer.transformNode(node, queryId),
  transformResult: async ({ result }) => result,
};
