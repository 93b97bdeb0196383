#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "warehouse/googlesql/parser.h"
#include "warehouse/googlesql/script.h"

namespace afluente::warehouse::googlesql {

inline constexpr size_t kInstructionsMax = 20'000;

// Parses a script and writes its steps. Lives for one script; throws SqlError.
class ScriptCompiler : public Parser {
 public:
  explicit ScriptCompiler(std::string_view text) : Parser(text) {}
  // Goes on where `parser` stands; see `at`.
  explicit ScriptCompiler(const Parser& parser) : Parser(parser) {}

  std::vector<Instruction> CompileAll();
  // BEGIN ... END alone.
  void CompileBlock();
  size_t at() const { return at_; }

 private:
  struct Loop {
    std::string label;
    size_t depth = 0;
    size_t next = 0;  // where CONTINUE goes; 0: not known yet
    std::vector<size_t> breaks;
    std::vector<size_t> continues;
    bool block = false;  // BEGIN with a label: BREAK leaves it, CONTINUE does not know it
  };

  // Statements up to one of `ends`, which stays.
  void CompileList(std::initializer_list<std::string_view> ends);
  void CompileOne();
  bool CompileControl(const std::string& label);
  void CompileIf();
  void CompileCase();
  void CompileLoop(const std::string& label);
  void CompileWhile(const std::string& label);
  void CompileRepeat(const std::string& label);
  void CompileFor(const std::string& label);
  void CompileLabelledBlock(const std::string& label);
  void CompileDeclare();
  void CompileSet();
  void CompileExecute();
  void CompileCall();
  void CompileJumpOut();
  bool CompileTransaction();
  void CompileRaise();
  void CompileAssert();
  bool AtEnd(std::initializer_list<std::string_view> ends) const;
  void EndStatement();
  size_t Here() const { return instructions_.size(); }
  Instruction& Emit(Instruction::Op op, size_t at);
  size_t EmitJump(size_t target = 0);
  size_t EmitJumpUnless(ExpressionPtr condition);
  void Patch(size_t instruction) { instructions_[instruction].target = Here(); }
  Loop& StartLoop(const std::string& label);
  void FinishLoop(std::string_view word, size_t next);

  std::vector<Instruction> instructions_;
  std::vector<Loop> loops_;
  size_t depth_ = 0;
  bool may_declare_ = true;
};

}  // namespace afluente::warehouse::googlesql
