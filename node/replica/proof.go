package replica

import (
	"fmt"

	"musafir/crdt"
	"musafir/node/access"
	"musafir/node/wire"
)

// ourProof shows that this device is admitted.
func (r *Replica) ourProof() (*wire.Proof, error) {
	items, err := r.writer.Members.Proof(r.writer.ID(), r.sealed)
	if err != nil {
		return nil, err
	}
	packed, err := access.EncodeProof(items)
	return &wire.Proof{Packed: packed}, err
}

// sealed reads an entry that was sealed on its own.
func (r *Replica) sealed(d crdt.Dep) (raw []byte, seal crdt.Seal, err error) {
	n, ok, err := r.index.find(headOf(d.Log, crdt.Head{Seq: d.Seq, ID: d.ID}))
	if err == nil && !ok {
		err = fmt.Errorf("entry %d of log %s: %w", d.Seq, d.Log, ErrGap)
	}
	if err != nil {
		return nil, seal, err
	}
	err = r.cfg.Logs.Stream([]crdt.Range{{Branch: n, From: d.Seq, To: d.Seq}}, func(it *crdt.Item) (bool, error) {
		if it.Seal == nil {
			return false, fmt.Errorf("entry %d of log %s has no seal of its own", d.Seq, d.Log)
		}
		raw, seal = it.Raw, *it.Seal
		return false, nil
	})
	return raw, seal, err
}

// checkProof checks what a peer shows.
func (r *Replica) checkProof(f *wire.Proof, peer crdt.DeviceID) error {
	items, err := access.DecodeProof(f.Packed)
	if err != nil {
		return err
	}
	return r.writer.Members.Verify(items, peer)
}
