package main

import (
	"context"
	"time"

	"musafir/crdt"
	"musafir/node"
	"musafir/node/access"
	"musafir/node/api"
)

const apiTime = "2006-01-02T15:04:05.000Z07:00"

// Peers are the devices that this one knows.
func (d *device) Peers(ctx context.Context) ([]api.Peer, error) {
	known, err := d.Node.Peers(ctx)
	if err != nil {
		return nil, err
	}
	c := d.census(known)
	var list []api.Peer
	for _, p := range known {
		if p.ID != c.self { // an address that leads here
			list = append(list, peerDoc(p, c))
		}
	}
	return list, nil
}

func peerDoc(p node.Peer, c *census) api.Peer {
	doc := api.Peer{
		ID: string(p.ID), Address: p.Addr, Connected: p.Connected, Synced: p.Synced, Behind: p.Lacks,
		Ahead: p.Offers > 0, Unmerged: p.Unmerged, ClockMs: p.AheadMs, Received: p.Received, Sent: p.Sent, Version: p.Program, Problem: p.Refused,
	}
	if m, ok := c.members.Member(p.ID); ok {
		doc.Name, doc.Role, doc.Lineage = m.Name, m.Role.String(), c.lineage(&m, p.ID)
	}
	if doc.Address == "" {
		doc.Address = p.Remote
	}
	if p.LastHeard > 0 {
		doc.LastHeard = time.UnixMilli(p.LastHeard).UTC().Format(apiTime)
	}
	if p.Err != nil && !p.Connected {
		doc.Problem = whyNot(p.Err)
	}
	return doc
}

// Devices are those that take part in the camp: where a device's data was copied,
// each copy that has a key of its own.
func (d *device) Devices() []api.Device {
	c := d.censusNow()
	var list []api.Device
	for _, m := range c.members.Members() {
		for _, id := range c.ids(&m) {
			list = append(list, api.Device{
				ID: string(id), Name: m.Name, Role: m.Role.String(), Self: id == c.self,
				Admitted: m.Time.Wall().Format(apiTime), By: string(m.By), Lineage: c.lineage(&m, id),
			})
		}
	}
	return list
}

// Recovery is the id under which the recovery key admits.
func (d *device) Recovery() crdt.DeviceID {
	members, _ := d.Members()
	return crdt.DeviceIDOf(members.RecoveryKey())
}

// Invite opens an invitation for one device.
func (d *device) Invite(ctx context.Context, role crdt.Role, valid time.Duration) (api.Invite, error) {
	addrs := d.addrs()
	if len(addrs) == 0 {
		return api.Invite{}, access.ErrUnreachable
	}
	code, err := d.Node.Invite(ctx, role, valid)
	if err != nil {
		return api.Invite{}, err
	}
	link := ticket{code: code, peers: nearest(addrs)}
	return api.Invite{Code: string(code), Expires: time.Now().Add(valid).UTC().Format(apiTime), QR: link.String()}, nil
}
