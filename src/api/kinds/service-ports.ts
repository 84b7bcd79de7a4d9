import type { ServicePort, ServiceSpec } from '../core.ts'
import {
  duplicate,
  type FieldError,
  forbidden,
  invalid,
  notSupported,
  required,
} from '../field-error.ts'
import { checkName, isDNS1123Label, isPortNumber, isQualifiedName } from '../validation/names.ts'
import { validatePortNumberOrName } from '../validation/ports.ts'
import { findRepeats } from '../validation/repeats.ts'

export const protocols = ['SCTP', 'TCP', 'UDP']

/** Each port by itself. */
export function validateServicePorts({ ports = [] }: ServiceSpec): FieldError[] {
  const isRepeat = findRepeats(ports, ({ name }) => name)
  return ports.flatMap((port, index) =>
    checkPort(port, `spec.ports[${index}]`, ports.length === 1, isRepeat[index]!),
  )
}

/** What ports mean to each other and to the type. */
export function validatePortPairs({ type, ports = [] }: ServiceSpec): FieldError[] {
  return [...(type === 'ClusterIP' ? checkNoNodePorts(ports) : []), ...checkPairs(ports)]
}

function checkPort(
  port: ServicePort,
  at: string,
  isOnly: boolean,
  isRepeat: boolean,
): FieldError[] {
  const { name = '', protocol = '', targetPort = 0, appProtocol } = port
  return [
    ...(name === ''
      ? isOnly
        ? []
        : [required(`${at}.name`)]
      : [
          ...checkName(isDNS1123Label, name, `${at}.name`),
          ...(isRepeat ? [duplicate(`${at}.name`, name)] : []),
        ]),
    ...isPortNumber(port.port ?? 0).map((detail) => invalid(`${at}.port`, port.port ?? 0, detail)),
    ...(protocols.includes(protocol) ? [] : [notSupported(`${at}.protocol`, protocol, protocols)]),
    ...validatePortNumberOrName(targetPort, `${at}.targetPort`),
    ...(appProtocol === undefined
      ? []
      : checkName(isQualifiedName, appProtocol, `${at}.appProtocol`)),
  ]
}

function checkNoNodePorts(ports: readonly ServicePort[]): FieldError[] {
  return ports.flatMap(({ nodePort }, index) =>
    nodePort
      ? [forbidden(`spec.ports[${index}].nodePort`, "may not be used when `type` is 'ClusterIP'")]
      : [],
  )
}

/** Each (protocol, nodePort) and each (protocol, port) once. */
function checkPairs(ports: readonly ServicePort[]): FieldError[] {
  const hasNodePort = findRepeats(ports, ({ protocol, nodePort }) => `${protocol} ${nodePort}`)
  const nodePorts = ports.flatMap(({ nodePort = 0 }, index) =>
    nodePort !== 0 && hasNodePort[index]
      ? [duplicate(`spec.ports[${index}].nodePort`, nodePort)]
      : [],
  )
  const hasPort = findRepeats(ports, ({ protocol, port }) => `${protocol} ${port}`)
  const pairs = ports.flatMap(({ protocol, port }, index) =>
    hasPort[index] ? [duplicate(`spec.ports[${index}]`, asInternalPort(protocol, port))] : [],
  )
  return [...nodePorts, ...pairs]
}

/** Upstream prints its internal struct, all fields and capitals. */
function asInternalPort(protocol: string | undefined, port: number) {
  return { Name: '', Protocol: protocol, AppProtocol: null, Port: port, TargetPort: 0, NodePort: 0 }
}
