export type * from './types/discovery.ts'
