import { suiteOfBehaviour } from '../testing/suite-of-behaviour.ts'

suiteOfBehaviour('iptables')
