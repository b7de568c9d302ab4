package main

import (
	"context"
	"errors"
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
	members, self := d.Members()
	var list []api.Peer
	for _, p := range known {
		if p.ID != self { // an address that leads here
			list = append(list, peerDoc(p, members))
		}
	}
	return list, nil
}

func peerDoc(p node.Peer, members *access.Camp) api.Peer {
	doc := api.Peer{
		ID: string(p.ID), Address: p.Addr, Connected: p.Connected, Synced: p.Synced, Behind: p.Lacks,
		Ahead: p.Offers > 0, Unmerged: p.Unmerged, ClockMs: p.AheadMs, Received: p.Received, Sent: p.Sent, Version: p.Program, Problem: p.Refused,
	}
	if m, ok := members.Member(p.ID); ok {
		doc.Name, doc.Role = m.Name, m.Role.String()
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

// Devices are those that take part in the camp.
func (d *device) Devices() []api.Device {
	members, self := d.Members()
	var list []api.Device
	for _, m := range members.Members() {
		last := len(m.Keys) - 1
		doc := api.Device{
			ID: string(crdt.DeviceIDOf(m.Keys[last])), Name: m.Name, Role: m.Role.String(),
			Admitted: m.Time.Wall().Format(apiTime), By: string(m.By),
		}
		for _, key := range m.Keys[:last] {
			doc.Former = append(doc.Former, string(crdt.DeviceIDOf(key)))
		}
		me, _ := members.Member(self)
		doc.Self = me.Admission == m.Admission
		list = append(list, doc)
	}
	return list
}

// Invite opens an invitation for one device.
func (d *device) Invite(ctx context.Context, role crdt.Role, valid time.Duration) (api.Invite, error) {
	if d.network == nil {
		return api.Invite{}, &crdt.EditError{Err: errors.New("an invitation is open only while musafir runs here and other devices can reach it: musafir up")}
	}
	code, err := d.Node.Invite(ctx, role, valid)
	for errors.Is(err, access.ErrNameTaken) { // by chance: one more draw helps
		code, err = d.Node.Invite(ctx, role, valid)
	}
	if err != nil && ctx.Err() == nil && !errors.Is(err, node.ErrStopped) {
		err = &crdt.EditError{Err: err} // there are too many
	}
	if err != nil {
		return api.Invite{}, err
	}
	link := ticket{code: code, peers: nearest(d.addrs())}
	return api.Invite{Code: string(code), Expires: time.Now().Add(valid).UTC().Format(apiTime), QR: link.String()}, nil
}

// Notices is what else this device has to tell people.
func (d *device) Notices() []string { return nil }
