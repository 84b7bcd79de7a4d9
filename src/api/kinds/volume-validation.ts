/** Source: core/validation v1.36, ValidateVolumes and validateVolumeSource. */
import type { Volume } from '../core.ts'
import { duplicate, type FieldError, forbidden, invalid, required } from '../field-error.ts'
import { checkName, isDNS1123Label, isDNS1123Subdomain } from '../validation/names.ts'
import type { Volumes } from './volume-mount-validation.ts'
import type { VolumeRules } from './volume-source-rule.ts'
import { sourceRules } from './volume-source-validation.ts'

/** What upstream calls a source where it complains of a second one. */
const spellings: Readonly<Record<string, string>> = { cephfs: 'cephFS', downwardAPI: 'downwarAPI' }

/** @returns The errors, and the volumes without any, which mounts may use. */
export function validateVolumes(
  volumes: readonly Volume[],
  at: string,
  rules: VolumeRules,
): { readonly errors: FieldError[]; readonly valid: Volumes } {
  const { podName = '' } = rules
  const created = new Set(
    volumes.flatMap(({ name, ephemeral }) => (ephemeral && podName ? [`${podName}-${name}`] : [])),
  )
  const valid = new Map<string, Volume>()
  const errors = volumes.flatMap((volume, index) => {
    const field = `${at}[${index}]`
    const { name = '', persistentVolumeClaim: claim } = volume
    const own = [
      ...validateSource(volume, field, rules),
      ...(name === ''
        ? [required(`${field}.name`)]
        : checkName(isDNS1123Label, name, `${field}.name`)),
      ...(valid.has(name) ? [duplicate(`${field}.name`, name)] : []),
    ]
    if (own.length === 0) valid.set(name, volume)
    if (!claim || !created.has(claim.claimName)) return own
    const detail = 'must not reference a PVC that gets created for an ephemeral volume'
    const path = `${field}.persistentVolumeClaim.claimName`
    return [...own, invalid(path, claim.claimName, detail)]
  })
  return { errors, valid }
}

function validateSource(volume: Volume, at: string, rules: VolumeRules): FieldError[] {
  const given: Readonly<Record<string, unknown>> = { ...volume }
  const [first, ...others] = Object.keys(sourceRules).filter((key) => given[key] !== undefined)
  if (!first) return [required(at, 'must specify a volume type')]
  const field = first === 'gcePersistentDisk' ? `${at}.persistentDisk` : `${at}.${first}`
  return [
    ...sourceRules[first]!(given[first] as never, field, rules),
    ...(first === 'ephemeral' ? checkClaimName(volume.name ?? '', rules, at) : []),
    ...others.map((key) =>
      forbidden(`${at}.${spellings[key] ?? key}`, 'may not specify more than 1 volume type'),
    ),
  ]
}

/** The claim of an ephemeral volume is named like the pod and the volume. */
function checkClaimName(name: string, { podName = '' }: VolumeRules, at: string): FieldError[] {
  if (podName === '' || name === '') return []
  const claim = `${podName}-${name}`
  return isDNS1123Subdomain(claim).map((detail) =>
    invalid(`${at}.name`, name, `PVC name ${JSON.stringify(claim)}: ${detail}`),
  )
}
