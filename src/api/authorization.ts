export type * from './types/authorization.ts'
