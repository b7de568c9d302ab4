package main

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/spf13/cobra"

	"musafir/crdt"
	"musafir/node"
	"musafir/node/access"
	"musafir/store"
)

func (a *app) recoverCommand() *cobra.Command {
	var name string
	var peers []string
	c := &cobra.Command{
		Use:   "recover [CODE]",
		Short: "Make this device a coordinator with the camp's recovery key",
		Long: `Make this device a coordinator with the recovery key that "musafir init" printed, when
the devices of all coordinators are lost. This device is one of the camp, or a new one
that reaches any device of the camp. Without CODE the key is asked for, or read from the
standard input.`,
		Args: cobra.ArbitraryArgs,
		RunE: func(c *cobra.Command, args []string) error {
			key, err := a.recoveryKey(c.Context(), strings.Join(args, " ")) // a key is copied in groups
			if err != nil {
				return err
			}
			if err := errors.Join(reach{dial: peers}.check(), crdt.ValidateName("device name", name)); err != nil {
				return usage(err)
			}
			return a.recover(c.Context(), key, name, peers)
		},
	}
	c.Flags().StringVar(&name, "device", hostName(), "`NAME` of this device, if it is new to the camp")
	c.Flags().StringArrayVar(&peers, "peer", nil, "`ADDR` of a device of the camp: HOST, HOST:PORT or a multiaddr; may be given several times")
	return c
}

// recoveryKey reads the key, or asks for it.
func (a *app) recoveryKey(ctx context.Context, text string) (ed25519.PrivateKey, error) {
	for tries := 1; ; tries++ {
		typed := text
		if text == "" {
			var err error
			if typed, err = a.askLine(ctx, "Recovery key: "); errors.Is(err, errNoTerminal) {
				return a.pipedRecoveryKey()
			} else if err != nil {
				return nil, err
			}
		}
		key, err := access.ParseRecoveryCode(typed)
		if err == nil {
			return key, nil
		}
		if text != "" || tries == passphraseTries {
			return nil, usage(err)
		}
		a.say("That is not it: %v.", err)
	}
}

// pipedRecoveryKey reads the key from the standard input, so that it need not stand in a
// shell's history.
func (a *app) pipedRecoveryKey() (ed25519.PrivateKey, error) {
	b, err := io.ReadAll(io.LimitReader(a.in, maxPassphraseBytes))
	if err == nil && len(bytes.TrimSpace(b)) == 0 {
		err = withHint(errors.New("the recovery key is needed"), "Type it at a terminal, or hand it in: musafir devices recover <FILE")
	}
	if err != nil {
		return nil, usage(err)
	}
	key, err := access.ParseRecoveryCode(string(b))
	if err != nil {
		return nil, usage(err)
	}
	return key, nil
}

// recover makes this device a coordinator of the camp that it is in, if the key is that
// camp's, or else of the one that the key leads to.
func (a *app) recover(ctx context.Context, key ed25519.PrivateKey, name string, peers []string) error {
	path := a.dataDir()
	if _, err := store.LockOf(path); !errors.Is(err, store.ErrNoCamp) {
		err := a.recoverHere(ctx, key)
		if !isNotKey(err) && !errors.Is(err, store.ErrNoCamp) || a.dial(ctx, path) != nil {
			return err
		}
	}
	dir, err := a.openFree(ctx, path)
	if err != nil {
		return err
	}
	w, err := a.enter(ctx, dir, &search{
		at: peers, hint: recoverHint,
		ask: func(ctx context.Context, s node.Stream) (*node.Welcome, error) {
			w, err := node.Recover(ctx, s, dir.Device, key, name)
			if err != nil && ctx.Err() == nil {
				err = errElsewhere
			}
			return w, err
		},
		looking: "Looking for a device of the camp", none: "none is of the camp of this recovery key",
		remedy: "Bring this device near one of the camp, or name the address of one: --peer HOST",
	})
	if err != nil {
		return err
	}
	return a.sayRecovered(w.Members.Name(), name)
}

// recoverHere makes this device, which is one of the camp, a coordinator.
func (a *app) recoverHere(ctx context.Context, key ed25519.PrivateKey) error {
	return a.with(ctx, func(c *client) error {
		doc, err := c.call(ctx, http.MethodPost, "/v1/devices/recover", map[string]string{"code": access.RecoveryCode(key)})
		if err != nil {
			return err
		}
		return answer(a, doc, printRecovered)
	})
}

// isNotKey tells whether the camp here has another recovery key.
func isNotKey(err error) bool {
	var p *problem
	return errors.As(err, &p) && p.Status == http.StatusUnprocessableEntity
}

// errElsewhere says that a device answers, and not as one of the camp does.
var errElsewhere = fmt.Errorf("%w for this recovery key", errNobody)

func recoverHint(error) string {
	return "Is musafir up there, is that a device of the camp, and in the same network?"
}

func (a *app) sayRecovered(camp, name string) error {
	if a.json {
		return a.printJSON(map[string]any{"camp": map[string]string{"name": camp}, "device": map[string]string{"name": name, "role": "coordinator"}})
	}
	a.print("This device is %q, a coordinator of the camp %q: it invites others.\n\nNext: musafir up\n", name, camp)
	return nil
}

type recoveredDoc struct {
	Device struct{ Name string } `json:"device"`
}

func printRecovered(w io.Writer, doc recoveredDoc) {
	fmt.Fprintf(w, "This device, %q, is a coordinator now: it invites others.\n", printable(doc.Device.Name))
}
