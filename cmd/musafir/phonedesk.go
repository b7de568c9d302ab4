package main

import (
	"context"
	"log/slog"
	"time"

	"musafir/crdt"
	"musafir/node/api"
	"musafir/node/clinic"
	"musafir/node/hikma"
)

// newHub serves the phones of a device. It starts nothing.
func newHub(d *device, log *slog.Logger) *hikma.Server {
	now := func() time.Time { return time.Now().Add(clockAhead()) }
	var hub *hikma.Server
	desk := hikma.NewDesk(hikma.DeskConfig{
		Records: phoneRecords{d}, Copies: d.reach.copies, Now: now,
		Ahead: func(ctx context.Context, client string, by time.Duration) error {
			return hub.NoteClock(ctx, client, by)
		},
	})
	c := hikma.Config{Backend: d, Sync: desk, Status: storeStatus, Log: log, Now: now}
	copy(c.Seed[:], d.Dir.Device.Seed())
	members, _ := d.Members()
	copy(c.Secret[:], members.PhoneKeys()[0])
	hub = hikma.New(c)
	return hub
}

// Incomplete are the app's rows with what each lacks.
func (d *device) Incomplete(after crdt.RecordKey, visit func(crdt.RecordKey, []clinic.Gap) (bool, error)) error {
	look, done, err := phoneRecords{d}.Moment()
	if err != nil {
		return err
	}
	defer done()
	return clinic.Gaps(look, after, visit)
}

// Phones are those that ever logged in, and where they are served.
func (d *device) Phones() (api.Phones, error) {
	known, err := d.hub.Phones()
	if err != nil {
		return api.Phones{}, err
	}
	held, err := phonesHeld(d)
	if err != nil {
		return api.Phones{}, err
	}
	p := api.Phones{URL: d.phones.url(), Phones: make([]api.Phone, len(known))}
	if p.URL != "" {
		p.QR = d.hub.PairingCode(p.URL)
	}
	for i := range known {
		p.Phones[i] = phoneDoc(&known[i])
		held[known[i].Client].show(&p.Phones[i])
	}
	p.RequireApproval, err = d.hub.RequireApproval()
	return p, err
}

func phoneDoc(p *hikma.Phone) api.Phone {
	doc := api.Phone{
		ID: p.Client, Phone: p.Name, User: p.User, Device: string(p.LastDevice),
		Approved: p.Approved, Revoked: p.Revoked, Clock: p.ClockAhead.Milliseconds(), Held: []api.HeldPhone{},
	}
	if !p.LastSync.IsZero() {
		doc.LastSync = p.LastSync.UTC().Format(apiTime)
	}
	if f := p.FailedPush; !f.At.IsZero() {
		doc.FailedPush = &api.FailedPush{Time: f.At.UTC().Format(apiTime), Why: f.Why}
	}
	return doc
}

// RevokePhone shuts a phone out.
func (d *device) RevokePhone(ctx context.Context, id string) error { return d.hub.Revoke(ctx, id) }

// ApprovePhone lets a phone in.
func (d *device) ApprovePhone(ctx context.Context, id string) error { return d.hub.Approve(ctx, id) }

// RequireApproval says whether new phones wait for that.
func (d *device) RequireApproval(ctx context.Context, required bool) error {
	return d.hub.SetRequireApproval(ctx, required)
}

// ListenForPhones serves phones for good.
func (d *device) ListenForPhones(address string) error { return d.phones.listen(address) }

// StopPhones ends that.
func (d *device) StopPhones() error {
	ctx, cancel := context.WithTimeout(context.Background(), endTimeout)
	defer cancel()
	return d.phones.stop(ctx)
}
