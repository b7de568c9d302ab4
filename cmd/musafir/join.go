package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"musafir/node"
	"musafir/node/access"
	"musafir/store"
)

const joinTimeout = 40 * time.Second

func (a *app) joinCommand() *cobra.Command {
	var name string
	var peers []string
	c := &cobra.Command{
		Use:   "join CODE --peer ADDR",
		Short: "Join a camp with a code that a coordinator's `musafir invite` gave",
		Args:  cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			code, err := access.ParseCode(args[0])
			if err != nil {
				return usage(err)
			}
			return a.join(c.Context(), code, name, peers)
		},
	}
	c.Flags().StringVar(&name, "device", hostName(), "`NAME` of this device")
	c.Flags().StringArrayVar(&peers, "peer", nil, "`ADDR` of the device that invites: HOST, HOST:PORT or a multiaddr; may be given several times")
	return c
}

func (a *app) join(ctx context.Context, code access.Code, name string, peers []string) error {
	if len(peers) == 0 {
		return usage(withHint(errors.New("no address to join at"), "Name the device that made the code: --peer HOST"))
	}
	ctx, cancel := context.WithTimeout(ctx, joinTimeout)
	defer cancel()
	path := a.dataDir()
	dir, err := emptyDir(path)
	if err != nil {
		return explainOpen(path, err)
	}
	defer dir.Close()
	net, err := openNetwork(dir.Device, nil, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	defer net.Close()
	welcome, err := a.joinAtAny(ctx, net, dir, code, name, peers)
	if err != nil {
		return err
	}
	batch := dir.Begin()
	batch.SetIdentity(store.Identity{Camp: welcome.Camp})
	if err := welcome.Settle(batch, dir.Device); err != nil {
		return fmt.Errorf("store what the camp sent: %w", err)
	}
	return a.sayJoined(welcome.Members.Name(), name, path)
}

// joinAtAny tries the addresses in turn.
func (a *app) joinAtAny(ctx context.Context, net node.Network, dir *store.Dir, code access.Code, name string, peers []string) (*node.Welcome, error) {
	var all error
	for _, addr := range peers {
		welcome, err := node.JoinAt(ctx, net, addr, dir.Device, code, name)
		if err == nil {
			return welcome, nil
		}
		all = errors.Join(all, fmt.Errorf("%s: %w", addr, err))
		if errors.Is(err, node.ErrRefused) {
			break // one use: the next address would refuse it as well
		}
	}
	return nil, all
}

func (a *app) sayJoined(camp, name, path string) error {
	if a.json {
		return a.printJSON(map[string]any{"camp": map[string]string{"name": camp}, "device": map[string]string{"name": name}})
	}
	_, err := fmt.Fprintf(a.out, "This device is %q in the camp %q. Its data is in %s.\n\nNext: musafir up\n", name, camp, path)
	return err
}

// emptyDir makes a directory ready for a camp to join. One that holds a camp of this
// device alone without records gives way.
func emptyDir(path string) (*store.Dir, error) {
	if err := refuseForeign(path); err != nil {
		return nil, err
	}
	dir, err := store.CreateDir(path, store.Options{})
	if err != nil || dir.Identity() == (store.Identity{}) {
		return dir, err
	}
	branches := dir.Branches()
	_, records, _, _ := dir.Counts()
	err = dir.Close()
	if err != nil {
		return nil, err
	}
	if records > 0 || len(branches) > 2 {
		return nil, withHint(fmt.Errorf("%s holds a camp already, with records or other devices", path),
			"Join with another directory: musafir --data DIR join CODE. To bring the records along: musafir export, then musafir import there.")
	}
	for _, name := range []string{"db", "format", "key", "key.copy", "device", "device.copy"} {
		if err := os.RemoveAll(filepath.Join(path, name)); err != nil {
			return nil, fmt.Errorf("make room for the camp: %w", err)
		}
	}
	return store.CreateDir(path, store.Options{})
}
