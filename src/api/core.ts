import type { ServicePort } from './types/core.ts'

export type { IntOrString } from './meta.ts'
export type * from './types/core.ts'
export type Protocol = NonNullable<ServicePort['protocol']>
