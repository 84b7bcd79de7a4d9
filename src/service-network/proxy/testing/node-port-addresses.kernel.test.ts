import { suiteOfNodePortAddresses } from './suite-of-node-port-addresses.ts'

suiteOfNodePortAddresses('nftables')
suiteOfNodePortAddresses('iptables', { withoutIPv6Localhost: true })
