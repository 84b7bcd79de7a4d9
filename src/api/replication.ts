export type { PodTemplate, ReplicationController } from './types/core.ts'
