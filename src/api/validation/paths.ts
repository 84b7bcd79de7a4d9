import { type FieldError, invalid } from '../field-error.ts'

/** A path that does not climb: `validatePathNoBacksteps`. */
export function validateNoBacksteps(path: string, field: string): FieldError[] {
  return path.split('/').includes('..') ? [invalid(field, path, "must not contain '..'")] : []
}

/** A path below a directory that it must not leave. */
export function validateDescendingPath(path: string, field: string): FieldError[] {
  return [
    ...(path.startsWith('/') ? [invalid(field, path, 'must be a relative path')] : []),
    ...validateNoBacksteps(path, field),
  ]
}

/** As {@link validateDescendingPath}; names that begin with two dots are the node agent's own. */
export function validateVolumeFilePath(path: string, field: string): FieldError[] {
  const isReserved = path.startsWith('..') && !path.startsWith('../')
  return [
    ...validateDescendingPath(path, field),
    ...(isReserved ? [invalid(field, path, "must not start with '..'")] : []),
  ]
}
