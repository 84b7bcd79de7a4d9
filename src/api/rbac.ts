export type * from './types/rbac.ts'
