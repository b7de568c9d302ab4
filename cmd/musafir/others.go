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
	members, _ := d.Members()
	list := make([]api.Peer, len(known))
	for i, p := range known {
		list[i] = peerDoc(p, members)
	}
	return list, nil
}

func peerDoc(p node.Peer, members *access.Camp) api.Peer {
	doc := api.Peer{
		ID: string(p.ID), Address: p.Addr, Connected: p.Connected, Synced: p.Synced, Behind: p.Lacks,
		Ahead: p.Offers > 0, Unmerged: p.Unmerged, ClockMs: p.AheadMs, Version: p.Program, Problem: p.Refused,
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
		doc.Problem = p.Err.Error()
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
func (d *device) Invite(ctx context.Context, role string, valid time.Duration) (api.Invite, error) {
	r, err := crdt.ParseRole(role)
	if err != nil {
		return api.Invite{}, &crdt.EditError{Err: err}
	}
	code, err := d.Node.Invite(ctx, r, valid)
	if err != nil {
		return api.Invite{}, err
	}
	return api.Invite{Code: string(code), Expires: time.Now().Add(valid).UTC().Truncate(time.Second), QR: "musafir:" + string(code)}, nil
}
