package apptest

import (
	"errors"
	"fmt"
)

// A Hub is what the phone talks to.
type Hub interface {
	// Pull answers with JSON: {"changes":{table:{"created":[],"updated":[],"deleted":[]}},"timestamp":ms}.
	Pull(lastPulledAt int64) (answer []byte, err error)
	// Push takes the inner object of such an answer, from the phone.
	Push(lastPulledAt int64, changes []byte) error
}

// A Handshaker is a hub with which the phone agrees on a new key before every sync.
type Handshaker interface {
	Handshake() error
}

// Faults are what goes wrong in a sync.
type Faults struct {
	FailBeforePull        bool // the hub is not reached
	FailAfterPull         bool // its answer is lost
	CrashInBatch          int  // the app is killed while it writes the batch of that number, from 1: those before it stay
	FailPushBeforeArrival bool // the push is lost
	FailPushAfterArrival  bool // the hub's word that it has it is lost
	CrashInMark           int  // the app is killed while it notes of the table of that number, from 1, that it was pushed
	CrashBeforeWatermark  bool // the app is killed when all is done but for that
}

// ErrFault is what a sync fails with if it was told to fail.
var ErrFault = errors.New("fault")

// Sync does what the app does when it syncs: it pulls, applies, pushes what is pending, if
// anything, and then keeps the watermark. Whatever fails, ends it there.
func (p *Phone) Sync(hub Hub) error { return p.SyncWith(hub, Faults{}) }

// SyncTwice is what the user's button does, so that what the hub makes of a push is seen.
func (p *Phone) SyncTwice(hub Hub) error {
	if err := p.Sync(hub); err != nil {
		return err
	}
	return p.Sync(hub)
}

// SyncWith is a sync in which things go wrong.
func (p *Phone) SyncWith(hub Hub, f Faults) error {
	x := p.syncPeer()
	got, err := p.pull(hub, x.watermark, f)
	if err != nil {
		return err
	}
	if err := p.push(hub, x.watermark, f); err != nil {
		return err
	}
	if f.CrashBeforeWatermark {
		return fmt.Errorf("keep the watermark: %w", ErrFault)
	}
	x.watermark = got.timestamp
	return nil
}

func (p *Phone) pull(hub Hub, since int64, f Faults) (pulled, error) {
	if f.FailBeforePull {
		return pulled{}, fmt.Errorf("pull: %w", ErrFault)
	}
	if err := handshake(hub); err != nil {
		return pulled{}, err
	}
	answer, err := hub.Pull(since)
	if err != nil {
		return pulled{}, fmt.Errorf("pull: %w", err)
	}
	if f.FailAfterPull {
		return pulled{}, fmt.Errorf("answer to the pull: %w", ErrFault)
	}
	got, err := readPulled(answer)
	if err != nil {
		return pulled{}, err
	}
	w := writer{p: p, killIn: f.CrashInBatch}
	if err := w.apply(got.tables); err != nil {
		return pulled{}, fmt.Errorf("apply what was pulled: %w", err)
	}
	return got, nil
}

func handshake(hub Hub) error {
	if h, ok := hub.(Handshaker); ok {
		if err := h.Handshake(); err != nil {
			return fmt.Errorf("handshake: %w", err)
		}
	}
	return nil
}

func (p *Phone) push(hub Hub, since int64, f Faults) error {
	all := p.localChanges()
	if len(all) == 0 {
		return nil
	}
	if f.FailPushBeforeArrival {
		return fmt.Errorf("push: %w", ErrFault)
	}
	if err := hub.Push(since, all.encode(false)); err != nil {
		return fmt.Errorf("push: %w", err)
	}
	if f.FailPushAfterArrival {
		return fmt.Errorf("answer to the push: %w", ErrFault)
	}
	return p.markSynced(all, f.CrashInMark)
}

// markSynced notes that rows were pushed. The app goes by their ids: a row that was edited
// while the push was under way is marked too, and then nobody is told of the edit. That it
// writes a row sets its updated_at, of which nobody is told either.
func (p *Phone) markSynced(all changes, killIn int) error {
	n := 0
	for _, name := range pushOrder {
		x := all[name]
		if x == nil {
			continue
		}
		if n++; n == killIn {
			return fmt.Errorf("note what was pushed: %w", ErrFault)
		}
		for _, pushed := range append(x.created, x.updated...) {
			if r := p.rows[name][pushed.id]; r != nil && r.status != Deleted {
				r.touch(schema[name], p.Now)
				r.status, r.changed = Synced, nil
			}
		}
	}
	return nil
}

// ForceUpload is "upload device data" in the settings: all that was made or changed since a
// time goes to the hub, and nothing is noted of it. The watermark becomes the phone's own
// time, which is none that the hub ever gave.
func (p *Phone) ForceUpload(hub Hub, sinceMs int64) error {
	all := p.changesSince(sinceMs)
	if err := handshake(hub); err != nil || len(all) == 0 {
		return err
	}
	if err := hub.Push(sinceMs, all.encode(true)); err != nil {
		return fmt.Errorf("push: %w", err)
	}
	p.syncPeer().watermark = p.Now
	return nil
}

// ForceDownload is "download from server" in the settings: a pull from a watermark that the
// hub may never have given.
func (p *Phone) ForceDownload(hub Hub, sinceMs int64) error {
	got, err := p.pull(hub, sinceMs, Faults{})
	if err != nil {
		return err
	}
	p.syncPeer().watermark = got.timestamp
	return nil
}
