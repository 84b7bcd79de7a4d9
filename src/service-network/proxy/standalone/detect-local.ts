import type { LocalDetector } from '../mode.ts'

export const DETECT_LOCAL_MODES = [
  'ClusterCIDR',
  'NodeCIDR',
  'BridgeInterface',
  'InterfaceNamePrefix',
] as const

/** How pods of this node are told from other clients. */
export interface DetectLocal {
  readonly detectLocalMode: (typeof DETECT_LOCAL_MODES)[number]
  /** The bridge that pods hang on; set where `detectLocalMode` asks for it. */
  readonly bridgeInterface?: string
  /** What their devices' names begin with; the same. */
  readonly interfaceNamePrefix?: string
}

/** At most IFNAMSIZ, without its end. */
const DEVICE = /^[^\s/]{1,15}$/

/**
 * @param text gives a field of the configuration, empty where it is not set
 * @throws TypeError naming the field
 */
export function readDetectLocal(
  detectLocalMode: DetectLocal['detectLocalMode'],
  text: (path: string) => string,
): DetectLocal {
  const device = (field: 'bridgeInterface' | 'interfaceNamePrefix') => {
    const name = text(`detectLocal.${field}`)
    if (DEVICE.test(name)) return { detectLocalMode, [field]: name }
    throw new TypeError(
      `Cannot use detectLocal.${field} ${JSON.stringify(name)}: detectLocalMode ${detectLocalMode} needs the name of a device`,
    )
  }
  if (detectLocalMode === 'BridgeInterface') return device('bridgeInterface')
  if (detectLocalMode !== 'InterfaceNamePrefix') return { detectLocalMode }
  return device('interfaceNamePrefix')
}

export function localDetectorOf({
  bridgeInterface,
  interfaceNamePrefix,
}: DetectLocal): LocalDetector {
  if (bridgeInterface !== undefined) return 'pod-device'
  return interfaceNamePrefix === undefined ? 'pod-cidr' : { prefix: interfaceNamePrefix }
}
