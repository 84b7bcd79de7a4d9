import { errnoOfMessage } from '../command/run-command.ts'
import { KernelError } from '../kernel-error.ts'

const MAX_MESSAGE_CHARACTERS = 2000

/** How nft names a script that it read from our descriptor or from its standard input. */
const PLACE = /^\/(?:proc\/self\/fd\/\d+|dev\/stdin):(\d+):[\d-]+: /gm

/** nft's own message, shortened: it quotes the line at fault, which may be very long. */
export function nftError(op: string, message: string): KernelError {
  const text = message.trim().replaceAll(PLACE, 'line $1: ')
  const hint =
    text.length > MAX_MESSAGE_CHARACTERS ? `${text.slice(0, MAX_MESSAGE_CHARACTERS)}…` : text
  return new KernelError(op, errnoOfMessage(text), { hint })
}

/** C strings end at a zero byte: what follows would be dropped unnoticed. @throws KernelError */
export function refuseZeroByte(op: string, script: string): void {
  if (script.includes('\0'))
    throw new KernelError(op, 'EINVAL', { hint: 'the script has a zero byte' })
}
