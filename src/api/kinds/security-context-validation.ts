/** Source: core/validation v1.36, ValidateSecurityContext and what pods share with containers. */

import type { SecurityContext, WindowsSecurityContextOptions } from '../core.ts'
import { type FieldError, invalid, notSupported, required, tooLong } from '../field-error.ts'
import { checkName, inclusiveRange, isDNS1123Subdomain } from '../validation/names.ts'
import { validateDescendingPath } from '../validation/paths.ts'

/** Of seccomp and of AppArmor. */
interface SecurityProfile {
  readonly type?: string
  readonly localhostProfile?: string
}

const maxID = 2 ** 31 - 1
const profileTypes = ['Localhost', 'RuntimeDefault', 'Unconfined']
const maxProfileBytes = 4095
const maxCredentialSpecBytes = 64 * 1024

export function validateSecurityContext(
  context: SecurityContext | undefined,
  at: string,
  { hostUsers }: { readonly hostUsers: boolean },
): FieldError[] {
  if (!context) return []
  return [
    ...checkID(context.runAsUser, `${at}.runAsUser`),
    ...checkID(context.runAsGroup, `${at}.runAsGroup`),
    ...checkProcMount(context.procMount, `${at}.procMount`, hostUsers),
    ...validateSeccomp(context.seccompProfile, `${at}.seccompProfile`),
    ...checkEscalation(context, at),
    ...validateWindowsOptions(context.windowsOptions, `${at}.windowsOptions`),
    ...validateAppArmor(context.appArmorProfile, `${at}.appArmorProfile`),
  ]
}

/** A uid or gid. */
export function checkID(id: number | undefined, field: string): FieldError[] {
  return id === undefined || (id >= 0 && id <= maxID)
    ? []
    : [invalid(field, id, inclusiveRange(0, maxID))]
}

function checkProcMount(type: string | undefined, field: string, hostUsers: boolean) {
  if (type === undefined || type === 'Default') return []
  if (type !== 'Unmasked') return [notSupported(field, type, ['Default', 'Unmasked'])]
  return hostUsers ? [invalid(field, type, '`hostUsers` must be false to use `Unmasked`')] : []
}

function checkEscalation(context: SecurityContext, at: string): FieldError[] {
  if (context.allowPrivilegeEscalation !== false) return []
  const value = asInternalContext(context)
  const refuse = (what: string) =>
    invalid(at, value, `cannot set \`allowPrivilegeEscalation\` to false and ${what}`)
  return [
    ...(context.privileged ? [refuse('`privileged` to true')] : []),
    ...(context.capabilities?.add ?? [])
      .filter((capability) => capability === 'CAP_SYS_ADMIN')
      .map(() => refuse('`capabilities.Add` CAP_SYS_ADMIN')),
  ]
}

/** Upstream prints its internal struct, all fields and capitals. */
function asInternalContext(context: SecurityContext) {
  const { capabilities, seLinuxOptions, seccompProfile, appArmorProfile, windowsOptions } = context
  const profile = (of: SecurityProfile | undefined) =>
    of ? { Type: of.type ?? '', LocalhostProfile: of.localhostProfile ?? null } : null
  return {
    Capabilities: capabilities
      ? { Add: capabilities.add ?? null, Drop: capabilities.drop ?? null }
      : null,
    Privileged: context.privileged ?? null,
    SELinuxOptions: seLinuxOptions
      ? {
          User: seLinuxOptions.user ?? '',
          Role: seLinuxOptions.role ?? '',
          Type: seLinuxOptions.type ?? '',
          Level: seLinuxOptions.level ?? '',
        }
      : null,
    WindowsOptions: windowsOptions
      ? {
          GMSACredentialSpecName: windowsOptions.gmsaCredentialSpecName ?? null,
          GMSACredentialSpec: windowsOptions.gmsaCredentialSpec ?? null,
          RunAsUserName: windowsOptions.runAsUserName ?? null,
          HostProcess: windowsOptions.hostProcess ?? null,
        }
      : null,
    RunAsUser: context.runAsUser ?? null,
    RunAsGroup: context.runAsGroup ?? null,
    RunAsNonRoot: context.runAsNonRoot ?? null,
    ReadOnlyRootFilesystem: context.readOnlyRootFilesystem ?? null,
    AllowPrivilegeEscalation: context.allowPrivilegeEscalation ?? null,
    ProcMount: context.procMount ?? null,
    SeccompProfile: profile(seccompProfile),
    AppArmorProfile: profile(appArmorProfile),
  }
}

export function validateSeccomp(profile: SecurityProfile | undefined, at: string): FieldError[] {
  if (!profile) return []
  const { type = '', localhostProfile } = profile
  const field = `${at}.localhostProfile`
  const errors =
    type === ''
      ? [required(`${at}.type`, 'type is required when seccompProfile is set')]
      : profileTypes.includes(type)
        ? []
        : [notSupported(`${at}.type`, type, profileTypes)]
  if (type === 'Localhost') {
    if (localhostProfile === undefined) {
      return [...errors, required(field, 'must be set when seccomp type is Localhost')]
    }
    return [...errors, ...validateDescendingPath(localhostProfile, field)]
  }
  if (localhostProfile === undefined) return errors
  const value = { Type: type, LocalhostProfile: localhostProfile } // upstream's internal struct
  return [...errors, invalid(field, value, 'can only be set when seccomp type is Localhost')]
}

export function validateAppArmor(profile: SecurityProfile | undefined, at: string): FieldError[] {
  if (!profile) return []
  const { type = '', localhostProfile } = profile
  const field = `${at}.localhostProfile`
  switch (type) {
    case 'Localhost':
      return checkLocalProfile(localhostProfile, field)
    case 'RuntimeDefault':
    case 'Unconfined':
      return localhostProfile === undefined
        ? []
        : [invalid(field, localhostProfile, 'can only be set when AppArmor type is Localhost')]
    case '':
      return [required(`${at}.type`, 'type is required when appArmorProfile is set')]
    default:
      return [notSupported(`${at}.type`, type, profileTypes)]
  }
}

function checkLocalProfile(profile: string | undefined, field: string): FieldError[] {
  const missing = required(field, 'must be set when AppArmor type is Localhost')
  if (profile === undefined) return [missing]
  const trimmed = profile.trim()
  return [
    ...(trimmed !== profile
      ? [invalid(field, profile, 'must not be padded with whitespace')]
      : trimmed === ''
        ? [missing]
        : []),
    ...(Buffer.byteLength(profile) > maxProfileBytes ? [tooLong(field, maxProfileBytes)] : []),
  ]
}

export function validateWindowsOptions(
  options: WindowsSecurityContextOptions | undefined,
  at: string,
): FieldError[] {
  const { gmsaCredentialSpecName: name, gmsaCredentialSpec: spec, runAsUserName } = options ?? {}
  const field = `${at}.gmsaCredentialSpec`
  return [
    ...(name === undefined
      ? []
      : checkName(isDNS1123Subdomain, name, `${at}.gmsaCredentialSpecName`)),
    ...(spec === '' ? [invalid(field, spec, 'gmsaCredentialSpec cannot be an empty string')] : []),
    ...(spec !== undefined && Buffer.byteLength(spec) > maxCredentialSpecBytes
      ? [invalid(field, spec, 'gmsaCredentialSpec size must be under 64 KiB')]
      : []),
    ...(runAsUserName === undefined
      ? []
      : explainWindowsUser(runAsUserName).map((detail) =>
          invalid(`${at}.runAsUserName`, runAsUserName, `runAsUserName${detail}`),
        )),
  ]
}

function explainWindowsUser(text: string): string[] {
  if (text === '') return [' cannot be an empty string']
  if (/\p{Cc}/u.test(text)) return [' cannot contain control characters']
  const parts = text.split('\\')
  if (parts.length > 2) return [' cannot contain more than one backslash']
  const user = parts.at(-1)!
  const domain = parts.length === 2 ? parts[0]! : undefined
  const isDomain =
    /^[^\\/:*?"<>|.][^\\/:*?"<>|]{0,14}$/.test(domain ?? 'x') ||
    /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/i.test(domain ?? 'x')
  return [
    ...((domain ?? '').length >= 256 ? ["'s Domain length must be under 256 characters"] : []),
    ...(isDomain ? [] : ["'s Domain doesn't match the NetBios nor the DNS format"]),
    ...(user === '' ? ["'s User cannot be empty"] : []),
    ...(user.length > 104 ? ["'s User length must not be longer than 104 characters"] : []),
    ...(/^[. ]+$/.test(user) ? ["'s User cannot contain only periods or spaces"] : []),
    ...(/["/\\:;|=,+*?<>@[\]]/.test(user)
      ? [`'s User cannot contain the following characters: "/\\:;|=,+*?<>@[]`]
      : []),
  ]
}
