package replica

import "musafir/crdt"

// Peers is what is known of other devices, for a replica that begins anew.
func (r *Replica) Peers() map[crdt.DeviceID]*Peer { return r.peers }

// Discard ends the group and leaves nothing behind.
func (g *Group) Discard() { g.batch.Discard() }
