export type { ComponentStatus } from './types/core.ts'
export type * from './types/storage.ts'
