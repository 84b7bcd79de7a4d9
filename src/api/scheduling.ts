export type * from './types/scheduling.ts'
