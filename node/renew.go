package node

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"

	"musafir/node/replica"
	"musafir/node/wire"
)

// Rekey gives a device a new key: where that of a cloned or restored device is kept,
// and a network under it.
type Rekey struct {
	Stage   func(ed25519.PrivateKey) error
	Install func() error // once a log of the staged key is held
	Unstage func() error // drops a staged key of which none is
	Network func(ed25519.PrivateKey) (Network, error)
}

// renew gives this device, which was cloned or restored from an old copy, a new key
// and a new log. Its sessions end; it comes back under its new id.
func (n *Node) renew() {
	if n.cfg.Rekey == nil {
		n.cfg.Log.Error("this device was cloned or restored from an old copy, and cannot get a new key")
		return
	}
	old := n.writer.ID()
	if err := n.rekey(); err != nil {
		n.cfg.Log.Error("give this device a new key", "error", err)
		return
	}
	n.cfg.Log.Warn("this device was cloned or restored from an old copy: it goes on with a new key and a new log", "old", old, "new", n.writer.ID())
	for id := range n.links {
		n.queueTo(id, replica.End{Session: id, Bye: wire.Bye{Code: wire.ByeRenewed, Text: "this device begins a new log and a new key"}})
	}
	n.dropIngest()
	n.begin(n.replica.Peers())
	close(n.renewing)
	n.renewing = make(chan struct{})
}

func (n *Node) rekey() error {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return err
	}
	if err := n.cfg.Rekey.Stage(key); err != nil {
		return err
	}
	g := replica.NewGroup(n.cfg.Begin(), n.writer)
	if err := g.Renew(key, incarnation(), n.wall()); err != nil {
		g.Discard()
		return errors.Join(err, n.cfg.Rekey.Unstage())
	}
	writer, err := g.Commit()
	if err != nil {
		return errors.Join(err, n.cfg.Rekey.Unstage())
	}
	n.writer = writer // from here on there is no way back
	n.standing.Store(writer)
	if err := n.cfg.Rekey.Install(); err != nil {
		n.cfg.Log.Error("install this device's new key; the next start does it", "error", err)
	}
	return nil
}

// reopen opens the network under the new key.
func (n *Node) reopen(ctx context.Context) {
	for ctx.Err() == nil {
		var key ed25519.PrivateKey
		if n.call(ctx, func() { key = n.writer.Device }) != nil {
			return
		}
		net, err := n.cfg.Rekey.Network(key)
		if err != nil {
			n.cfg.Log.Error("open the network", "error", err)
			wait(ctx, pauseMax)
			continue
		}
		current := false
		err = n.call(ctx, func() {
			if current = key.Equal(n.writer.Device); current {
				n.network = net
			}
		})
		if current {
			return
		}
		net.Close() // the key changed once more meanwhile, or the node stops
		if err != nil {
			return
		}
	}
}
