package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/term" // terminals: whether there is one, and reading without an echo
)

var errNoTerminal = errors.New("there is no terminal to ask at")

// terminal is where people type, nil if the input is something else.
func (a *app) terminal() *os.File {
	in, ok := a.in.(*os.File)
	if !ok || !term.IsTerminal(int(in.Fd())) {
		return nil
	}
	return in
}

// askLine asks for a line of text. Without a terminal: errNoTerminal.
func (a *app) askLine(ctx context.Context, prompt string) (string, error) {
	return a.ask(ctx, prompt, func(in *os.File) (string, error) {
		return bufio.NewReader(in).ReadString('\n')
	})
}

// askSecret asks for a line without showing it, and leaves the terminal as it was,
// whatever happens.
func (a *app) askSecret(ctx context.Context, prompt string) (string, error) {
	return a.ask(ctx, prompt, func(in *os.File) (string, error) {
		b, err := term.ReadPassword(int(in.Fd()))
		fmt.Fprintln(a.errs)
		return string(b), err
	})
}

// ask does not wait for the end of a line once somebody interrupts.
func (a *app) ask(ctx context.Context, prompt string, read func(*os.File) (string, error)) (string, error) {
	in := a.terminal()
	if in == nil {
		return "", errNoTerminal
	}
	before, err := term.GetState(int(in.Fd()))
	if err != nil {
		return "", fmt.Errorf("ask: %w", err)
	}
	fmt.Fprint(a.errs, prompt)
	type answer struct {
		text string
		err  error
	}
	answers := make(chan answer, 1)
	go func() {
		text, err := read(in)
		answers <- answer{text, err}
	}()
	select {
	case got := <-answers:
		if errors.Is(got.err, io.EOF) {
			got.err = errors.New("nothing was typed")
		}
		return got.text, got.err
	case <-ctx.Done():
		fmt.Fprintln(a.errs)
		return "", errors.Join(errInterrupted, term.Restore(int(in.Fd()), before))
	}
}
