import type { CustomResourceDefinition } from '../types/apiextensions.ts'

export type {
  CustomResourceColumnDefinition as PrinterColumn,
  CustomResourceConversion as DefinitionConversion,
  CustomResourceDefinition,
  CustomResourceDefinitionNames as DefinitionNames,
  CustomResourceDefinitionSpec as DefinitionSpec,
  CustomResourceDefinitionStatus as DefinitionStatus,
  CustomResourceDefinitionVersion as DefinitionVersion,
  CustomResourceSubresourceScale as ScalePaths,
  CustomResourceSubresources as DefinitionSubresources,
} from '../types/apiextensions.ts'

/** While a definition has it, instances of its kind may be left. */
export const CLEANUP_FINALIZER = 'customresourcecleanup.apiextensions.k8s.io'

export function isTrue({ status }: CustomResourceDefinition, type: string): boolean {
  return (status?.conditions ?? []).some((one) => one.type === type && one.status === 'True')
}
