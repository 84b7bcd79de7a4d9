import type { Namespace } from '../core.ts'
import { invalid } from '../field-error.ts'
import { namespaces } from '../resources.ts'
import { isDNS1123Label } from '../validation/names.ts'
import { defineKind } from './define-kind.ts'
import { VERBS } from './kind-spec.ts'

const nameLabel = 'kubernetes.io/metadata.name'

// Source: core/v1/defaults.go, registry/core/namespace/strategy.go, core/validation v1.36.
export const namespace = defineKind<Namespace>({
  resource: namespaces,
  // registry/core/namespace/storage: several namespaces are never deleted at once.
  verbs: VERBS.filter((verb) => verb !== 'deletecollection'),
  shortNames: ['ns'],
  subresources: ['status', 'finalize'],
  nameRule: isDNS1123Label,
  selectableFields: { 'status.phase': ({ status }) => status?.phase ?? '' },
  default: withNameLabel,
  prepareCreate(object) {
    const { finalizers = [] } = object.spec ?? {}
    const all = finalizers.includes('kubernetes') ? finalizers : [...finalizers, 'kubernetes']
    const spec = { ...object.spec, finalizers: all }
    return withNameLabel({ ...object, spec, status: { phase: 'Active' } })
  },
  prepareUpdate: (object, old) => ({
    ...object,
    spec: { ...object.spec, ...(old.spec?.finalizers ? { finalizers: old.spec.finalizers } : {}) },
  }),
  validateStatus({ metadata, status }) {
    const wanted = metadata.deletionTimestamp === undefined ? 'Active' : 'Terminating'
    if (status?.phase === wanted) return []
    const when = `\`deletionTimestamp\` is ${wanted === 'Active' ? 'empty' : 'not empty'}`
    return [invalid('status.Phase', status?.phase ?? '', `may only be '${wanted}' if ${when}`)]
  },
})

/** The label by which selectors name a namespace; with generateName the name is not known yet. */
function withNameLabel(object: Namespace): Namespace {
  const { name } = object.metadata
  if (!name) return object
  const labels = { ...object.metadata.labels, [nameLabel]: name }
  return { ...object, metadata: { ...object.metadata, labels } }
}
