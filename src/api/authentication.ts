export type * from './types/authentication.ts'
