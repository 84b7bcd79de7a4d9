/** Source: core/validation v1.36, ValidateVolumeMounts and ValidateVolumeDevices. */
import type { Container, Volume, VolumeMount } from '../core.ts'
import {
  type FieldError,
  forbidden,
  invalid,
  notFound,
  notSupported,
  required,
} from '../field-error.ts'
import { validateDescendingPath, validateNoBacksteps } from '../validation/paths.ts'
import { findRepeats } from '../validation/repeats.ts'

/** The volumes of a pod that are valid, by name: what mounts may use. */
export type Volumes = ReadonlyMap<string, Volume>

const propagations = ['Bidirectional', 'HostToContainer', 'None']
const readOnlyModes = ['Disabled', 'Enabled', 'IfPossible']

export function validateMounts(container: Container, volumes: Volumes, at: string): FieldError[] {
  const { volumeMounts: mounts = [], volumeDevices: devices = [] } = container
  // Of devices of one name upstream sees the last.
  const devicePaths = new Set(
    new Map(devices.map((each) => [each.name, each.devicePath ?? ''])).values(),
  )
  const deviceNames = new Set(devices.map(({ name = '' }) => name))
  const isTaken = findRepeats(mounts, ({ mountPath = '' }) => mountPath)
  return mounts.flatMap((mount, index) => {
    const field = `${at}[${index}]`
    const { name = '', mountPath = '', subPath = '', subPathExpr = '' } = mount
    const both = 'subPathExpr and subPath are mutually exclusive'
    return [
      ...(name === '' ? [required(`${field}.name`)] : []),
      ...(volumes.has(name) ? [] : [notFound(`${field}.name`, name)]),
      ...(mountPath === '' ? [required(`${field}.mountPath`)] : []),
      ...(isTaken[index] ? [invalid(`${field}.mountPath`, mountPath, 'must be unique')] : []),
      ...(deviceNames.has(name)
        ? [invalid(`${field}.name`, name, 'must not already exist in volumeDevices')]
        : []),
      ...(devicePaths.has(mountPath)
        ? [
            invalid(
              `${field}.mountPath`,
              mountPath,
              'must not already exist as a path in volumeDevices',
            ),
          ]
        : []),
      ...validateDescendingPath(subPath, `${at}.subPath`),
      ...(subPath !== '' && subPathExpr !== ''
        ? [invalid(`${field}.subPathExpr`, subPathExpr, both)]
        : []),
      ...validateDescendingPath(subPathExpr, `${at}.subPathExpr`),
      ...checkPropagation(mount, container, `${at}.mountPropagation`),
      ...checkReadOnly(mount, `${at}.recursiveReadOnly`),
    ]
  })
}

function checkPropagation(
  { mountPropagation }: VolumeMount,
  { securityContext }: Container,
  field: string,
): FieldError[] {
  if (mountPropagation === undefined) return []
  if (!propagations.includes(mountPropagation)) {
    return [notSupported(field, mountPropagation, propagations)]
  }
  const detail = 'Bidirectional mount propagation is available only to privileged containers'
  return mountPropagation === 'Bidirectional' && securityContext?.privileged !== true
    ? [forbidden(field, detail)]
    : []
}

function checkReadOnly(mount: VolumeMount, field: string): FieldError[] {
  const { recursiveReadOnly: mode, readOnly = false, mountPropagation = 'None' } = mount
  if (mode === undefined || mode === 'Disabled') return []
  if (!readOnlyModes.includes(mode)) return [notSupported(field, mode, readOnlyModes)]
  const detail = 'may only be specified when mountPropagation is None or not specified'
  return [
    ...(readOnly ? [] : [forbidden(field, 'may only be specified when readOnly is true')]),
    ...(mountPropagation === 'None' ? [] : [forbidden(field, detail)]),
  ]
}

export function validateDevices(container: Container, volumes: Volumes, at: string): FieldError[] {
  const { volumeMounts: mounts = [], volumeDevices: devices = [] } = container
  const paths = new Set<string>()
  // Of mounts of one name upstream sees the last.
  const mountPaths = new Set(
    new Map(mounts.map(({ name, mountPath = '' }) => [name, mountPath])).values(),
  )
  const mountNames = new Set(mounts.map(({ name = '' }) => name))
  const isRepeat = findRepeats(devices, ({ name }) => name)
  return devices.flatMap(({ name = '', devicePath = '' }, index) => {
    const field = `${at}[${index}]`
    const volume = volumes.get(name)
    const isBlock = volume?.persistentVolumeClaim !== undefined || volume?.ephemeral !== undefined
    const wrongName = (detail: string) => invalid(`${field}.name`, name, detail)
    const wrongPath = (detail: string) => invalid(`${field}.devicePath`, devicePath, detail)
    const climbs = validateNoBacksteps(devicePath, field).length > 0
    const isTaken = paths.has(devicePath)
    if (!climbs) paths.add(devicePath)
    return [
      ...(name === '' ? [required(`${field}.name`)] : []),
      ...(name !== '' && isRepeat[index] ? [wrongName('must be unique')] : []),
      ...(volume && !isBlock
        ? [
            wrongName(
              'can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode',
            ),
          ]
        : []),
      ...(volume ? [] : [notFound(`${field}.name`, name)]),
      ...(devicePath === '' ? [required(`${field}.devicePath`)] : []),
      ...(isTaken ? [wrongPath('must be unique')] : []),
      ...(climbs ? [wrongPath("can not contain backsteps ('..')")] : []),
      ...(mountNames.has(name) ? [wrongName('must not already exist in volumeMounts')] : []),
      ...(mountPaths.has(devicePath)
        ? [wrongPath('must not already exist as a path in volumeMounts')]
        : []),
    ]
  })
}
