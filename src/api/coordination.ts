export type * from './types/coordination.ts'
