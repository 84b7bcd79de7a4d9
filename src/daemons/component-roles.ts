import { parsePolicies } from '#apiserver/auth/rbac/default-roles.ts'

/**
 * What each component of ours may do beyond upstream's roles (apiserver/auth/rbac/default-roles.txt): what it does, and no more. The first part is for components
 * that upstream does not have, the second for what a controller of ours does in another way than upstream's of the same name.
 */
export const readComponentRoles = () => parsePolicies(COMPONENTS + SUPPLEMENTS)

const COMPONENTS = `
ClusterRole system:fairlead:dns
 rule get,list,watch - namespaces,services
 rule get,list,watch discovery.k8s.io endpointslices
ClusterRoleBinding system:fairlead:dns
 role ClusterRole system:fairlead:dns
 subject User system:fairlead:dns
ClusterRole system:fairlead:ingress
 rule get,list,watch - services,secrets
 rule get,list,watch discovery.k8s.io endpointslices
 rule get,list,watch networking.k8s.io ingresses,ingressclasses
 rule patch,update networking.k8s.io ingresses/status
 rule create,patch,update -,events.k8s.io events
ClusterRoleBinding system:fairlead:ingress
 role ClusterRole system:fairlead:ingress
 subject User system:fairlead:ingress
ClusterRole system:fairlead:node-network
 rule get,list,watch - nodes,services
 rule get,list,watch discovery.k8s.io endpointslices
 rule list,watch networking.k8s.io servicecidrs
 rule patch - nodes/status
 rule create,patch,update -,events.k8s.io events
ClusterRoleBinding system:fairlead:node-network
 role ClusterRole system:fairlead:node-network
 subject Group system:fairlead:node-network
ClusterRole system:fairlead:controller:load-balancer-controller
 rule update - services/status
 rule create,patch,update -,events.k8s.io events
ClusterRoleBinding system:fairlead:controller:load-balancer-controller
 role ClusterRole system:fairlead:controller:load-balancer-controller
 subject ServiceAccount kube-system/load-balancer-controller
`

const SUPPLEMENTS = `
ClusterRole system:fairlead:controller:deployment-controller
 rule patch apps deployments
ClusterRoleBinding system:fairlead:controller:deployment-controller
 role ClusterRole system:fairlead:controller:deployment-controller
 subject ServiceAccount kube-system/deployment-controller
`
