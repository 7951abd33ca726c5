// Verifies notes, inclusion and growth with golang.org/x/mod/sumdb, none of it code of this project.
//
// Cases come as a JSON array on standard input; for each one the answer is true, or why it is refused.
package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// A testCase is one thing to verify. The zero value of a field that its kind does not need is left out.
type testCase struct {
	What  string   // "note", "record", "growth" or "proof"
	VKeys []string // of all who must have signed
	Note  []byte   // the checkpoint; for "proof" the whole tlog-proof file
	Older []byte   // for "growth": the earlier checkpoint
	Entry []byte   // for "record" and "proof": what is in the log
	Index int64    // for "record"
	Proof [][]byte // for "record" and "growth"
}

func main() {
	var cases []testCase
	if err := json.NewDecoder(os.Stdin).Decode(&cases); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	answers := make([]any, len(cases))
	for i, c := range cases {
		answers[i] = true
		if err := check(c); err != nil {
			answers[i] = err.Error()
		}
	}
	json.NewEncoder(os.Stdout).Encode(answers)
}

func check(c testCase) error {
	switch c.What {
	case "note":
		_, err := open(c.Note, c.VKeys)
		return err
	case "record":
		hashes, err := hashesOf(c.Proof)
		if err != nil {
			return err
		}
		return included(c.Note, c.VKeys, hashes, c.Index, c.Entry)
	case "growth":
		return grown(c)
	case "proof":
		return proven(c)
	}
	return fmt.Errorf("unknown case %q", c.What)
}

// open verifies a checkpoint, which every one of the keys must have signed, and reads its size and root.
func open(data []byte, vkeys []string) (tlog.Tree, error) {
	var tree tlog.Tree
	var verifiers []note.Verifier
	for _, vkey := range vkeys {
		v, err := verifierOf(vkey)
		if err != nil {
			return tree, err
		}
		verifiers = append(verifiers, v)
	}
	opened, err := note.Open(data, note.VerifierList(verifiers...))
	if err != nil {
		return tree, err
	}
	if len(opened.Sigs) != len(vkeys) {
		return tree, fmt.Errorf("%d of %d keys signed", len(opened.Sigs), len(vkeys))
	}
	lines := strings.Split(opened.Text, "\n")
	if len(lines) != 4 || lines[3] != "" {
		return tree, errors.New("not a checkpoint of three lines")
	}
	if tree.N, err = strconv.ParseInt(lines[1], 10, 64); err != nil {
		return tree, err
	}
	tree.Hash, err = tlog.ParseHash(lines[2])
	return tree, err
}

func included(data []byte, vkeys []string, proof []tlog.Hash, index int64, entry []byte) error {
	tree, err := open(data, vkeys)
	if err != nil {
		return err
	}
	return tlog.CheckRecord(proof, tree.N, tree.Hash, index, tlog.RecordHash(entry))
}

func grown(c testCase) error {
	older, err := open(c.Older, c.VKeys)
	if err != nil {
		return err
	}
	newer, err := open(c.Note, c.VKeys)
	if err != nil {
		return err
	}
	hashes, err := hashesOf(c.Proof)
	if err != nil {
		return err
	}
	return tlog.CheckTree(hashes, newer.N, newer.Hash, older.N, older.Hash)
}

// proven takes a c2sp.org/tlog-proof file apart: header, perhaps extra data, index, hashes, empty line, checkpoint.
func proven(c testCase) error {
	head, checkpoint, found := bytes.Cut(c.Note, []byte("\n\n"))
	lines := strings.Split(string(head), "\n")
	if !found || lines[0] != "c2sp.org/tlog-proof@v1" {
		return errors.New("not a tlog-proof")
	}
	lines = lines[1:]
	if len(lines) > 0 && strings.HasPrefix(lines[0], "extra ") {
		lines = lines[1:]
	}
	if len(lines) == 0 || !strings.HasPrefix(lines[0], "index ") {
		return errors.New("no index")
	}
	index, err := strconv.ParseInt(strings.TrimPrefix(lines[0], "index "), 10, 64)
	if err != nil {
		return err
	}
	var hashes []tlog.Hash
	for _, line := range lines[1:] {
		hash, err := tlog.ParseHash(line)
		if err != nil {
			return err
		}
		hashes = append(hashes, hash)
	}
	return included(checkpoint, c.VKeys, hashes, index, c.Entry)
}

func hashesOf(proof [][]byte) ([]tlog.Hash, error) {
	var hashes []tlog.Hash
	for _, each := range proof {
		var hash tlog.Hash
		if copy(hash[:], each) != len(each) || len(each) != tlog.HashSize {
			return nil, errors.New("not a hash")
		}
		hashes = append(hashes, hash)
	}
	return hashes, nil
}

// A verifier is of a kind that x/mod does not have.
type verifier struct {
	name   string
	hash   uint32
	verify func(msg, sig []byte) bool
}

func (v verifier) Name() string                { return v.name }
func (v verifier) KeyHash() uint32             { return v.hash }
func (v verifier) Verify(msg, sig []byte) bool { return v.verify(msg, sig) }

// verifierOf reads a vkey: Ed25519 (0x01) as x/mod does; ECDSA (0x02) and cosignatures (0x04) by the C2SP texts.
func verifierOf(vkey string) (note.Verifier, error) {
	parts := strings.SplitN(vkey, "+", 3)
	if len(parts) != 3 {
		return nil, errors.New("not a vkey")
	}
	material, err := base64.StdEncoding.DecodeString(parts[2])
	if err != nil || len(material) < 2 {
		return nil, errors.New("not a vkey")
	}
	key := material[1:]
	switch material[0] {
	case 2:
		id := sha256.Sum256(key)
		public, err := x509.ParsePKIXPublicKey(key)
		if err != nil {
			return nil, err
		}
		return verifier{parts[0], binary.BigEndian.Uint32(id[:4]), func(msg, sig []byte) bool {
			digest := sha256.Sum256(msg)
			return ecdsa.VerifyASN1(public.(*ecdsa.PublicKey), digest[:], sig)
		}}, nil
	case 4:
		id := sha256.Sum256(append([]byte(parts[0]+"\n"), material...))
		return verifier{parts[0], binary.BigEndian.Uint32(id[:4]), func(msg, sig []byte) bool {
			if len(sig) != 8+ed25519.SignatureSize {
				return false
			}
			head := fmt.Sprintf("cosignature/v1\ntime %d\n", binary.BigEndian.Uint64(sig))
			return ed25519.Verify(key, append([]byte(head), msg...), sig[8:])
		}}, nil
	}
	return note.NewVerifier(vkey)
}
