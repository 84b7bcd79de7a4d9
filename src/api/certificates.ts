export type * from './types/certificates.ts'
