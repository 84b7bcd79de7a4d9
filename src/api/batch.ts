export type * from './types/batch.ts'
