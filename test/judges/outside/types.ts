/** Compiles only where `T` is `answer`: `sure<true>({} as Same<A, B>)`. */
export const sure = <T extends boolean>(answer: T) => answer;

/** True for the same two types: each may stand for the other, down to `any` and optional fields. */
export type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;

/** True where `any` is anywhere in `T`: in a field, an item, a parameter or an answer. */
export type HasAny<T, Deep extends unknown[] = []> = 0 extends 1 & T
  ? true
  : Deep['length'] extends 12
    ? false
    : T extends Date | string | number | boolean | null | undefined
      ? false
      : true extends Parts<T, Deep>
        ? true
        : false;
type Parts<T, Deep extends unknown[]> =
  | (T extends (...input: infer Input) => infer Output ? HasAny<Input | Output, [...Deep, 0]> : false)
  | (T extends object ? { [Key in keyof T]-?: HasAny<T[Key], [...Deep, 0]> }[keyof T] : false);
