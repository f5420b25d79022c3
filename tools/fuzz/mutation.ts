// One change of an input, as numbers: fast-check makes and shrinks them.

/** What the numbers `at`, `span` and `value` are below. */
export const RANGE = 2 ** 20

/** One change; what the numbers mean is for the mutation to say. */
export interface Mutation {
  /** Which file of the sample, modulo. */
  file: number
  /** 0: of the file's structure; 1: of the bytes written from it; 2: of the bytes once packed. */
  stage: number
  kind: number
  /** Where, a share of RANGE. */
  at: number
  span: number
  value: number
}
