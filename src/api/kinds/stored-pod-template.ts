import type { PodTemplate } from '../replication.ts'
import { podTemplates } from '../resources.ts'
import { isDNS1123Subdomain } from '../validation/names.ts'
import { defineKind } from './define-kind.ts'
import { defaultPodTemplate } from './pod-defaults.ts'
import { validatePodTemplateSpec } from './pod-template.ts'
import { warnOfPodTemplate } from './pod-warnings.ts'

// Source: core/validation ValidatePodTemplate and registry/core/podtemplate.
export const podTemplate = defineKind<PodTemplate>({
  resource: podTemplates,
  nameRule: isDNS1123Subdomain,
  generationOf: ['template'],
  default: (object) => ({
    ...object,
    template: defaultPodTemplate(object.template ?? { spec: { containers: [] } }),
  }),
  validate: ({ template }) => (template ? validatePodTemplateSpec(template, 'template') : []),
  warnings: ({ template }) => warnOfPodTemplate(template, 'template'),
})
