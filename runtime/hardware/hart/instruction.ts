// Decoded RISC-V instructions: what the decoder makes, and what interpreter, translator and disassembler
// take. Compressed instructions come out as the full ones that they abbreviate, with `size` 2.

/** Operations by their names in the specification (dots become underscores). */
export const operations = [
  "illegal",
  // RV64I
  ...["lui", "auipc", "jal", "jalr", "beq", "bne", "blt", "bge", "bltu", "bgeu"] as const,
  ...["lb", "lh", "lw", "ld", "lbu", "lhu", "lwu", "sb", "sh", "sw", "sd"] as const,
  ...["addi", "slti", "sltiu", "xori", "ori", "andi", "slli", "srli", "srai"] as const,
  ...["add", "sub", "sll", "slt", "sltu", "xor", "srl", "sra", "or", "and"] as const,
  ...["addiw", "slliw", "srliw", "sraiw", "addw", "subw", "sllw", "srlw", "sraw"] as const,
  ...["fence", "fence_i", "ecall", "ebreak"] as const,
  // Zicsr
  ...["csrrw", "csrrs", "csrrc", "csrrwi", "csrrsi", "csrrci"] as const,
  // M
  ...["mul", "mulh", "mulhsu", "mulhu", "div", "divu", "rem", "remu"] as const,
  ...["mulw", "divw", "divuw", "remw", "remuw"] as const,
  // A
  ...["lr_w", "sc_w", "lr_d", "sc_d"] as const,
  ...["amoswap_w", "amoadd_w", "amoxor_w", "amoand_w", "amoor_w"] as const,
  ...["amomin_w", "amomax_w", "amominu_w", "amomaxu_w"] as const,
  ...["amoswap_d", "amoadd_d", "amoxor_d", "amoand_d", "amoor_d"] as const,
  ...["amomin_d", "amomax_d", "amominu_d", "amomaxu_d"] as const,
  // F
  ...["flw", "fsw", "fmadd_s", "fmsub_s", "fnmsub_s", "fnmadd_s"] as const,
  ...["fadd_s", "fsub_s", "fmul_s", "fdiv_s", "fsqrt_s"] as const,
  ...["fsgnj_s", "fsgnjn_s", "fsgnjx_s", "fmin_s", "fmax_s"] as const,
  ...["fcvt_w_s", "fcvt_wu_s", "fcvt_l_s", "fcvt_lu_s"] as const,
  ...["fcvt_s_w", "fcvt_s_wu", "fcvt_s_l", "fcvt_s_lu"] as const,
  ...["fmv_x_w", "fmv_w_x", "feq_s", "flt_s", "fle_s", "fclass_s"] as const,
  // D
  ...["fld", "fsd", "fmadd_d", "fmsub_d", "fnmsub_d", "fnmadd_d"] as const,
  ...["fadd_d", "fsub_d", "fmul_d", "fdiv_d", "fsqrt_d"] as const,
  ...["fsgnj_d", "fsgnjn_d", "fsgnjx_d", "fmin_d", "fmax_d"] as const,
  ...["fcvt_w_d", "fcvt_wu_d", "fcvt_l_d", "fcvt_lu_d"] as const,
  ...["fcvt_d_w", "fcvt_d_wu", "fcvt_d_l", "fcvt_d_lu", "fcvt_s_d", "fcvt_d_s"] as const,
  ...["fmv_x_d", "fmv_d_x", "feq_d", "flt_d", "fle_d", "fclass_d"] as const,
  // Zba
  ...["add_uw", "sh1add", "sh2add", "sh3add", "sh1add_uw", "sh2add_uw", "sh3add_uw"] as const,
  "slli_uw",
  // Zbb
  ...["andn", "orn", "xnor", "clz", "clzw", "ctz", "ctzw", "cpop", "cpopw"] as const,
  ...["max", "maxu", "min", "minu", "sext_b", "sext_h", "zext_h"] as const,
  ...["rol", "rolw", "ror", "rori", "roriw", "rorw", "orc_b", "rev8"] as const,
  // Zbs
  ...["bclr", "bclri", "bext", "bexti", "binv", "binvi", "bset", "bseti"] as const,
] as const;

export type Operation = (typeof operations)[number];

/** Number of each operation: its place in `operations`. */
export const Op = Object.fromEntries(operations.map((name, index) => [name, index])) as {
  readonly [name in Operation]: number;
};

/** One instruction. Fields that its format does not have are zero. */
export interface Instruction {
  /** one of `Op` */
  op: number;
  rd: number;
  rs1: number;
  rs2: number;
  rs3: number;
  /**
   * immediate, sign-extended to 32 bits (lui, auipc: already shifted by 12); shift amounts; for CSR
   * instructions the number of the CSR, with the 5-bit immediate of the last three in rs1
   */
  imm: number;
  /** rounding mode of floating-point operations: 7 is the dynamic one; of fences and atomics nothing */
  rm: number;
  /** bytes: 2 or 4 */
  size: number;
}
