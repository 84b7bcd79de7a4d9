export type * from './types/apps.ts'
