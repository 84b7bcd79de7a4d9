export type * from './types/networking.ts'
