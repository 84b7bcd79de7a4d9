export type * from './types/policy.ts'
