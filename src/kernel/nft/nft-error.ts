import { errnoOfMessage } from '../command/run-command.ts'
import { KernelError } from '../kernel-error.ts'

const MAX_MESSAGE_CHARACTERS = 2000

/** nft's own message, shortened: it quotes the line at fault, which may be very long. */
export function nftError(op: string, message: string): KernelError {
  const text = message.trim()
  const hint =
    text.length > MAX_MESSAGE_CHARACTERS ? `${text.slice(0, MAX_MESSAGE_CHARACTERS)}…` : text
  return new KernelError(op, errnoOfMessage(text), { hint })
}
