import { familyOf } from '#ip/ip.ts'
import {
  type AddressMessage,
  decodeAddress,
  encodeAddress,
  IFA_F_DADFAILED,
  IFA_F_NODAD,
  IFA_F_TENTATIVE,
  RTM_DELADDR,
  RTM_GETADDR,
  RTM_NEWADDR,
} from '#wire/netlink/address.ts'
import { AF_UNSPEC } from '#wire/netlink/family.ts'
import { NLM_F_CREATE, NLM_F_REPLACE } from '#wire/netlink/message.ts'
import { describeAddress } from './describe.ts'
import { deviceIndex, deviceIndexIfThere, deviceNames } from './device-names.ts'
import type { Address, Rtnetlink } from './model.ts'
import type { NetlinkSocket } from './socket.ts'
import { deleteUnlessMissing } from './unless-missing.ts'

type AddressCalls = Pick<Rtnetlink, 'addresses' | 'replaceAddress' | 'deleteAddress'>

export function addressCalls(socket: NetlinkSocket): AddressCalls {
  return {
    addresses({ device: wanted } = {}) {
      const nameOf = deviceNames(socket)
      const only = wanted === undefined ? undefined : deviceIndexIfThere(socket, wanted)
      if (wanted !== undefined && only === undefined) return []
      const request = new Uint8Array(8).fill(AF_UNSPEC)
      return socket.dump('list addresses', RTM_GETADDR, request).flatMap((body) => {
        const { index, address, scope, flags } = decodeAddress(body)
        if (only !== undefined && index !== only) return []
        const device = nameOf(index)
        const state = {
          ...((flags & IFA_F_TENTATIVE) !== 0 && { tentative: true as const }),
          ...((flags & IFA_F_DADFAILED) !== 0 && { duplicate: true as const }),
        }
        return device === undefined ? [] : [{ device, address, scope, ...state }]
      })
    },
    replaceAddress(address) {
      const op = `add ${describeAddress(address)}`
      const body = encodeAddress(toMessage(address, deviceIndex(socket, address.device, op)))
      socket.request(op, RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, body)
    },
    deleteAddress(address) {
      const op = `delete ${describeAddress(address)}`
      return deleteUnlessMissing(['EADDRNOTAVAIL', 'ENODEV'], () => {
        const message = toMessage(address, deviceIndex(socket, address.device, op))
        socket.request(op, RTM_DELADDR, 0, encodeAddress(message))
      })
    },
  }
}

function toMessage(
  { address, scope = 0, detectDuplicates }: Address,
  index: number,
): AddressMessage {
  const flags = familyOf(address.address) === 6 && !detectDuplicates ? IFA_F_NODAD : 0
  return { index, address, scope, flags }
}
