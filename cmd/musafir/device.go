package main

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"time"

	"musafir/crdt"
	"musafir/node"
	"musafir/node/api"
	"musafir/node/hikma"
	"musafir/node/replica"
	"musafir/store"
)

// A device is one installation, open: its store and the node that writes it. It
// is what the API serves.
type device struct {
	*store.Dir
	*node.Node
	campName string
	lan      *lan // nil: it looks for nobody
	reach    reach
	hub      *hikma.Server
	phones   *phoneDoor
	counted  phoneCount

	mu      sync.Mutex
	network node.Network // nil: none; another one once the device has a new key
	names   map[crdt.LogID]crdt.DeviceID
}

// A reach is how a device meets others; the zero value meets nobody.
type reach struct {
	listen []string // multiaddrs; none: no network at all
	quiet  bool     // finds nobody, and is not found
	look   bool     // hears others on the local network, and does no more: for doctor
	dial   []string // addresses as people write them
	phones string   // HOST:PORT where the app finds it; "": where it was said for good
	copies int      // devices that hold what a phone pushes before it is told so; 0: this one
}

// openDevice opens the device in a directory and starts nothing.
func openDevice(path string, lock store.Lock, to reach, log *slog.Logger) (*device, error) {
	dir, err := store.OpenDir(path, store.Options{Log: log, Lock: lock})
	if err != nil {
		return nil, err
	}
	d, err := newDevice(dir, to, log)
	if err != nil {
		return nil, errors.Join(err, dir.Close())
	}
	return d, nil
}

func newDevice(dir *store.Dir, to reach, log *slog.Logger) (*device, error) {
	id := dir.Identity()
	first, err := dir.Birth(crdt.LogID(id.Camp))
	if err != nil {
		return nil, fmt.Errorf("read the camp's first entry: %w", err)
	}
	writer, err := replica.LoadWriter(id.Camp, dir.Device, dir)
	if err != nil {
		return nil, err
	}
	peers, err := readPeers(dir)
	if err != nil {
		return nil, err
	}
	cfg := node.Config{
		Begin: func() replica.Batch { return dir.Begin() },
		Logs:  dir, Sweep: dir.Sweep, Writer: writer, Peers: peers, Program: programVersion(), Dial: to.dial, Log: log,
		Ahead: clockAhead(),
	}
	d := &device{Dir: dir, campName: first.Founding.Camp, names: map[crdt.LogID]crdt.DeviceID{}, reach: to}
	if to.look {
		d.lan = openLAN(log)
		d.lan.device = d
	}
	if len(to.listen) > 0 {
		if d.network, err = openNetwork(dir.Device, to.listen, log); err != nil {
			return nil, err
		}
		cfg.Network = d.network
		if !to.quiet && forLAN(to.listen) {
			d.lan = openLAN(log)
			d.lan.device, cfg.Finder = d, d.lan
		}
		cfg.Rekey = &node.Rekey{
			Stage: dir.StageDevice, Install: dir.InstallDevice, Unstage: dir.UnstageDevice,
			Network: func(key ed25519.PrivateKey) (node.Network, error) { return d.reopenNetwork(key, to.listen, log) },
		}
	}
	d.Node = node.New(cfg)
	d.hub = newHub(d, log)
	d.phones = &phoneDoor{dir: dir.Path, handler: d.hub.Handler(), log: log}
	return d, nil
}

// clockAhead is how far a test sets the device's clock ahead: $MUSAFIR_CLOCK_AHEAD.
func clockAhead() time.Duration {
	ahead, _ := time.ParseDuration(os.Getenv("MUSAFIR_CLOCK_AHEAD"))
	return ahead
}

// readPeers reads what is remembered of other devices.
func readPeers(dir *store.Dir) (map[crdt.DeviceID]*replica.Peer, error) {
	peers := map[crdt.DeviceID]*replica.Peer{}
	err := dir.Peers(func(id crdt.DeviceID, state []byte) error {
		p, err := replica.RestorePeer(state)
		peers[id] = p
		return err
	})
	return peers, err
}

// found makes a camp in a directory whose first coordinator is this device.
func found(path string, lock store.Lock, camp, name string, log *slog.Logger) (*node.Founded, error) {
	if err := errors.Join(crdt.ValidateName("camp name", camp), crdt.ValidateName("device name", name)); err != nil {
		return nil, usage(err)
	}
	if err := refuseForeign(path); err != nil {
		return nil, err
	}
	dir, err := store.CreateDir(path, store.Options{Log: log, Lock: lock})
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	if id := dir.Identity(); id != (store.Identity{}) {
		first, err := dir.Birth(crdt.LogID(id.Camp))
		if err != nil {
			return nil, err
		}
		return nil, withHint(fmt.Errorf("%s holds the camp %q already", path, first.Founding.Camp),
			"Start it with: musafir up, or name another directory with --data DIR.")
	}
	batch := dir.Begin()
	f, err := node.Found(batch, dir.Device, camp, name)
	if err != nil {
		batch.Discard()
		return nil, err
	}
	batch.SetIdentity(store.Identity{Camp: f.Camp})
	if err := batch.Commit(); err != nil {
		return nil, fmt.Errorf("write the camp's first entries: %w", err)
	}
	return f, nil
}

// refuseForeign keeps a camp out of a directory that is used for something else.
func refuseForeign(path string) error {
	files, err := os.ReadDir(path)
	if err != nil {
		return nil // absent, or told by whoever needs it
	}
	for _, f := range files {
		if name := f.Name(); !isOurs(name) && !strings.HasPrefix(name, ".") {
			return withHint(usage(fmt.Errorf("%s holds %q and no camp", path, name)), "Name an empty directory, or one that is not there yet: --data DIR")
		}
	}
	return nil
}

// ours are the names in a data directory that this package gives, beside those of the
// store.
var ours = []string{leftName, runName, tokenName, appTokensName, appTokensLock, phonesName}

// reopenNetwork opens the network anew, under the device's new key.
func (d *device) reopenNetwork(key ed25519.PrivateKey, listen []string, log *slog.Logger) (node.Network, error) {
	network, err := openNetwork(key, listen, log)
	if err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.network = network
	return network, nil
}

// addrs is where other devices reach this one.
func (d *device) addrs() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.network == nil {
		return []string{}
	}
	return d.network.Addrs()
}

// Camp is the camp that the device belongs to.
func (d *device) Camp() (id crdt.CampID, name string) { return d.Identity().Camp, d.campName }

// Self is this device.
func (d *device) Self() (id crdt.DeviceID, name, role string) {
	members, id := d.Members()
	self, _ := members.Member(id)
	return id, self.Name, self.Role.String()
}

// Device is who writes a log.
func (d *device) Device(log crdt.LogID) crdt.DeviceID {
	d.mu.Lock()
	defer d.mu.Unlock()
	if id, ok := d.names[log]; ok {
		return id
	}
	birth, err := d.Birth(log)
	if err != nil {
		return ""
	}
	d.names[log] = crdt.DeviceIDOf(birth.Device)
	return d.names[log]
}

// Disk is how the device stands for space.
func (d *device) Disk() (free, used uint64, full bool) {
	free, full = d.Dir.Disk()
	return free, d.Size(), full
}

// Note is what an earlier request with that key left.
func (d *device) Note(key [crdt.HashSize]byte) ([]byte, bool, error) {
	stored, ok, err := d.Dir.Note(key)
	return replica.Repeated(stored).Repeated, ok, err
}

// Verify checks everything on disk.
func (d *device) Verify(ctx context.Context, progress func(float64)) (api.VerifyReport, error) {
	r, err := d.Dir.Verify(ctx, progress)
	if err != nil {
		return api.VerifyReport{}, err
	}
	return api.VerifyReport{Entries: r.Entries, Seals: r.Seals, Records: r.Records, Problems: r.Problems}, nil
}

// Quarantined lists what is held and not merged.
func (d *device) Quarantined() ([]api.Held, error) {
	held, err := d.HeldEntries()
	if err != nil {
		return nil, err
	}
	list := make([]api.Held, len(held))
	for i, h := range held {
		list[i] = api.Held(h)
	}
	return list, nil
}
