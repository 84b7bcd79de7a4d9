export type { HorizontalPodAutoscaler as HorizontalPodAutoscalerV1 } from './types/autoscaling-v1.ts'
export type * from './types/autoscaling-v2.ts'
