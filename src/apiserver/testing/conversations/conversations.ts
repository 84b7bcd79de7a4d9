import { applying } from './applying.ts'
import type { Conversation } from './conversation.ts'
import { reading } from './reading.ts'
import { watching } from './watching.ts'
import { writing } from './writing.ts'

export const conversations: Readonly<Record<string, Conversation>> = {
  ...reading,
  ...watching,
  ...writing,
  ...applying,
}
